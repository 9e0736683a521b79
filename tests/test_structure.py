"""The folders of tests mirror the wings: the tests of a module are found by its name."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE, TESTS = ROOT / "src" / "imgcls", ROOT / "tests"

TESTED_ELSEWHERE = {
    "__main__.py": "test_in_process.py",
    "suite.py": "e2e/test_planted_faults.py",
    "cli/costs.py": "cli/test_compare.py",
    "cli/lab_collection.py": "e2e/test_lab_report.py",
    "collect/refusal.py": "collect/test_client.py",
    "collect/request.py": "cli/test_collect.py",
    "config/table.py": "config/test_loader.py",
    "contracts/jpeg_scans.py": "contracts/test_jpeg_reader.py",
    "contracts/jpeg_writer.py": "contracts/test_jpeg_reader.py",
    "contracts/subject.py": "contracts/test_check.py",
    "data/places/archives.py": "data/places/test_tar.py",
    "data/places/containers.py": "data/places/test_remote.py",
    "data/places/files.py": "data/test_listing.py",
    "data/places/folders.py": "data/places/test_tar.py",
    "data/places/remote_folder.py": "data/places/test_remote.py",
    "evaluation/decoding.py": "evaluation/test_evaluator.py",
    "evaluation/inputs.py": "evaluation/test_evaluator.py",
    "evaluation/runtime_trial.py": "evaluation/test_runtime_selection.py",
    "evaluation/state.py": "evaluation/test_evaluator.py",
    "golden/records.py": "golden/test_diff.py",
    "models/files/detection.py": "models/sources/test_onnx.py",
    "models/files/network.py": "models/sources/test_file_network.py",
    "models/files/onnx_graph.py": "models/sources/test_onnx.py",
    "models/files/openvino_graph.py": "models/sources/test_openvino_ir.py",
    "models/files/program.py": "models/sources/test_exported.py",
    "models/files/program_graph.py": "models/sources/test_exported.py",
    "models/files/script_graph.py": "models/sources/test_torchscript.py",
    "models/files/tflite_graph.py": "models/sources/test_tflite.py",
    "models/model.py": "models/test_loader.py",
    "models/runtimes/file_classifier.py": "models/runtimes/test_onnx.py",
    "models/runtimes/tflite.py": "models/sources/test_tflite.py",
    "models/runtimes/unavailable.py": "models/sources/test_unavailable.py",
    "models/sources/own_code.py": "models/test_identity.py",
    "models/sources/places.py": "models/sources/test_timm_names.py",
    "models/sources/python.py": "models/sources/test_registry.py",
    "models/sources/reference.py": "models/runtimes/test_numpy.py",
    "models/sources/timm.py": "models/sources/test_registry.py",
    "parity/diagnosis/alignment.py": "parity/diagnosis/test_localize.py",
    "parity/diagnosis/behaviour.py": "parity/diagnosis/test_diagnose.py",
    "parity/diagnosis/case.py": "parity/diagnosis/test_diagnose.py",
    "parity/diagnosis/computed.py": "parity/diagnosis/test_diagnose.py",
    "parity/diagnosis/layers.py": "parity/diagnosis/test_weights.py",
    "parity/diagnosis/replay.py": "parity/diagnosis/test_localize.py",
    "parity/diagnosis/trace.py": "parity/diagnosis/test_trace_torch.py",
    "parity/diagnosis/tracers.py": "parity/diagnosis/test_trace_onnx.py",
    "plugin/fixtures.py": "plugin/test_hooks.py",
    "plugin/items.py": "plugin/test_hooks.py",
    "plugin/progress.py": "plugin/test_hooks.py",
    "preprocessing/geometry.py": "preprocessing/test_transforms.py",
    "preprocessing/resize.py": "preprocessing/test_transforms.py",
    "preprocessing/resample_numpy.py": "preprocessing/test_fast_decode.py",
    "reporting/html/charts/figures.py": "reporting/html/charts/test_markup.py",
    "serving/faults.py": "serving/test_variants.py",
    "serving/framing.py": "serving/test_pipeline.py",
    "serving/icc.py": "serving/test_images.py",
    "serving/served.py": "e2e/test_serving.py",
    "serving/steps.py": "serving/test_pipeline.py",
}
"""Modules that are only reached through another one, whose tests are theirs too."""

TESTED_AS_A_WHOLE = {"records": "records/test_records.py", "reference": "reference/test_network.py"}
"""Wings that are one thing in several files."""

ABOUT_SEVERAL = {
    "models/test_extending.py",  # a runtime and a source of another package
    "preprocessing/test_grey.py",  # every step of an input of one channel
    "preprocessing/test_fast_decode.py",  # decoding at a scale, and what is resized after it
    "records/test_records.py",
    "reference/test_namespaces.py",  # every array library
    "reference/test_steps.py",  # every step of forward and backward
    "test_code_blocks.py",
    "test_documentation.py",
    "test_in_process.py",  # what the tests themselves need
    "test_readme.py",
    "test_remembered.py",  # what tests find out once
    "test_structure.py",
}


def _modules() -> list[str]:
    return sorted(str(file.relative_to(SOURCE)) for file in SOURCE.rglob("*.py") if file.name != "__init__.py")


def _test_of(module: str) -> str:
    path = Path(module)
    return TESTED_ELSEWHERE.get(module) or str(path.with_name(f"test_{path.name}"))


def test_every_module_has_its_test() -> None:
    """By its name, or by the tables above."""
    tests = {module: TESTED_AS_A_WHOLE.get(Path(module).parts[0], _test_of(module)) for module in _modules()}
    assert {module: test for module, test in tests.items() if not (TESTS / test).is_file()} == {}


def test_the_tables_are_current() -> None:
    """They have no module that is gone, and none that has a test of its name by now."""
    assert TESTED_ELSEWHERE.keys() <= set(_modules())
    by_name = [Path(module).with_name(f"test_{Path(module).name}") for module in TESTED_ELSEWHERE]
    assert [str(test) for test in by_name if (TESTS / test).is_file()] == []
    assert [test for test in ABOUT_SEVERAL if not (TESTS / test).is_file()] == []


def test_every_test_file_has_its_module() -> None:
    """Outside of ``e2e``, a file of tests is named for a module, or stands above with what it is about."""
    named = {_test_of(module) for module in _modules()} | ABOUT_SEVERAL
    files = {str(file.relative_to(TESTS)) for file in TESTS.rglob("test_*.py")}
    assert sorted(file for file in files - named if not file.startswith("e2e/")) == []
