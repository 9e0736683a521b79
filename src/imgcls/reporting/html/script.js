"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const button = (words, action) => {
    const made = document.createElement("button");
    made.type = "button";
    made.append(...words);
    made.addEventListener("click", action);
    return made;
  };

  // Sorting: each head of a column becomes a button; numbers go by their value, all else as words.
  const compare = (a, b) => {
    const [x, y] = [parseFloat(a), parseFloat(b)];
    if (!isNaN(x) && !isNaN(y)) return x - y;
    if (isNaN(x) !== isNaN(y)) return isNaN(x) ? 1 : -1;
    return a.localeCompare(b);
  };
  const sort = (table, head, column) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    all("th[aria-sort]", table).forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...table.tBodies[0].rows].map((row) => [row.cells[column].textContent.trim(), row]);
    rows.sort((a, b) => (down ? compare(b[0], a[0]) : compare(a[0], b[0])));
    table.tBodies[0].append(...rows.map((row) => row[1]));
  };
  for (const table of all("table.sortable"))
    all("thead th", table).forEach((head, column) => head.append(button(head.childNodes, () => sort(table, head, column))));

  const list = byId("rows");
  if (!list) return;
  const rows = [...list.children];
  const tags = rows.map((row) => new Set(row.dataset.tags.split(" ")));
  const [find, show, side] = ["find", "show", "side"].map(byId);
  let cell = "";

  // Filtering: by words, by what the models predict, by a cell of a confusion matrix.
  const filter = () => {
    const words = find.value.toLowerCase();
    let count = 0;
    rows.forEach((row, number) => {
      const fits =
        (!cell || tags[number].has(cell)) &&
        (!show.value || tags[number].has(show.value)) &&
        (!words || row.textContent.toLowerCase().includes(words));
      if (row.hidden === fits) row.hidden = !fits;
      count += fits;
    });
    byId("found").textContent = `${count} of ${rows.length} images${cell ? " in this cell of the confusion matrix" : ""}`;
  };
  const showCell = (ident) => {
    cell = ident;
    find.value = show.value = "";
    filter();
    byId("images").scrollIntoView();
    byId("all").focus({ preventScroll: true });
  };
  find.addEventListener("input", filter);
  show.addEventListener("change", filter);
  byId("all").addEventListener("click", () => showCell(""));
  byId("tools").hidden = false;
  filter();

  // A cell: in the table, or in the image of the matrix.
  const inMatrix = (image, event) => {
    const box = image.getBoundingClientRect();
    const [columns, lines] = image.dataset.cells.split(" ");
    const column = Math.floor(((event.clientX - box.left) / box.width) * columns);
    const line = Math.floor(((event.clientY - box.top) / box.height) * lines);
    const reach = Math.floor((4 / box.width) * columns); // cells of a pixel are hard to hit: the nearest one with images
    const near = [];
    for (let down = -reach; down <= reach; down++)
      for (let right = -reach; right <= reach; right++)
        near.push([down * down + right * right, `${image.dataset.matrix}.${line + down}.${column + right}`]);
    near.sort((a, b) => a[0] - b[0]);
    return (near.find((place) => tags.some((of) => of.has(place[1]))) || near[0])[1];
  };
  document.addEventListener("click", (event) => {
    const link = event.target.closest("[data-cell]");
    const image = event.target.closest("[data-matrix]");
    if (link) event.preventDefault();
    if (link || image) showCell(link ? link.dataset.cell : inMatrix(image, event));
  });

  // A link to an image that is filtered out shows all of them.
  addEventListener("hashchange", () => {
    const row = byId(location.hash.slice(1));
    if (row && row.hidden && row.parentNode === list) {
      showCell("");
      row.scrollIntoView();
    }
  });

  // Side by side: copies of the images that were chosen, next to each other.
  const choose = (event) => {
    const row = event.target.closest("li[data-tags]");
    const name = `side-${row.id}`;
    const old = byId(name);
    if (old) old.remove();
    else {
      const copy = document.createElement("div");
      copy.id = name;
      copy.append(...row.cloneNode(true).childNodes);
      all("button", copy).forEach((other) => other.remove());
      side.append(copy);
    }
    event.target.setAttribute("aria-pressed", String(!old));
    side.hidden = !side.children.length;
  };
  const choosable = new IntersectionObserver((entries) => {
    for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
      choosable.unobserve(target);
      const made = button(["Side by side"], choose);
      made.setAttribute("aria-pressed", "false");
      target.lastElementChild.append(made);
    }
  });
  rows.forEach((row) => choosable.observe(row));
})();
