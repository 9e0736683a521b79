"""Every layer that is not a convolution: each forward pass is followed by its backward pass.

Maps are (channels, images, height, width); rows of numbers are (images, features). ``grad`` is always the gradient of
what the function above returned. The forward pass does not keep what a backward pass can compute again while the
numbers are in the cache (a normalised map, a sigmoid): reading it again from memory takes longer. What a formula has
made itself it changes in place: memory that is new takes longer than a pass over it.
"""

from __future__ import annotations

from imgcls.reference.arrays import Array, namespace, vecdot

# Activations.


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) of any shape, by a hyperbolic tangent, which never overflows and takes as long as exp."""
    return 0.5 * namespace(x).tanh(0.5 * x) + 0.5


def sigmoid_backward(grad: Array, y: Array) -> Array:
    """The gradient of x from ``y``, which :func:`sigmoid` returned."""
    return grad * y * (1.0 - y)


def silu(x: Array) -> Array:
    """X times its sigmoid, of any shape (Elfwing et al. 2017, https://arxiv.org/abs/1702.03118; called swish too).

    It is computed as x / 2 times (tanh(x / 2) + 1), see :func:`sigmoid`.
    """
    half = 0.5 * x
    y = namespace(x).tanh(half)
    y *= half
    y += half
    return y


def silu_backward(grad: Array, x: Array) -> Array:
    """The gradient of x by the product rule: s + x s (1 - s)."""
    s = sigmoid(x)
    slope = 1.0 - s
    slope *= x
    slope += 1.0
    slope *= s
    slope *= grad
    return slope


# Batch normalisation (Ioffe and Szegedy 2015, https://arxiv.org/abs/1502.03167, algorithms 1 and 2).


def statistics(x: Array) -> tuple[Array, Array]:
    """The mean and the biased variance of each channel over images and pixels: (c, n, h, w) to (c), (c)."""
    xp = namespace(x)
    rows = xp.reshape(x, (*x.shape[:2], -1))  # each image's squares are added up first: sums stay short
    mean = xp.mean(rows, axis=(1, 2))
    centred = rows - mean[:, None, None]
    return mean, xp.sum(vecdot(centred, centred), axis=1) / (rows.shape[1] * rows.shape[2])


def batch_norm(x: Array, weight: Array, bias: Array, mean: Array, variance: Array, eps: float) -> Array:
    """Each channel less its mean, over its standard deviation, times its weight, plus its bias.

    x: (c, n, h, w) · all others: (c). The statistics are the batch's in training, the running ones in inference.
    """
    scale = weight / namespace(x).sqrt(variance + eps)
    y = x - _each(mean)
    y *= _each(scale)
    y += _each(bias)
    return y


def batch_norm_training_backward(
    grad: Array, x: Array, weight: Array, mean: Array, variance: Array, eps: float
) -> tuple[Array, Array, Array]:
    """The gradients of x, weight and bias where mean and variance were those of x itself (section 3).

    The mean takes the common part off the gradient, and the variance what goes along with the normalised x.
    """
    xp = namespace(x)
    inverse = 1.0 / xp.sqrt(variance + eps)
    normalised = x - _each(mean)
    normalised *= _each(inverse)
    dweight, dbias = _per_channel(grad, normalised)
    count = x.shape[1] * x.shape[2] * x.shape[3]
    normalised *= _each(dweight / count)
    dx = grad - _each(dbias / count)
    dx -= normalised
    dx *= _each(weight * inverse)
    return dx, dweight, dbias


def batch_norm_inference_backward(
    grad: Array, x: Array, weight: Array, mean: Array, variance: Array, eps: float
) -> tuple[Array, Array, Array]:
    """The gradients of x, weight and bias where mean and variance were given."""
    inverse = 1.0 / namespace(x).sqrt(variance + eps)
    dweight, dbias = _per_channel(grad, (x - _each(mean)) * _each(inverse))
    return grad * _each(weight * inverse), dweight, dbias


def running(before: Array, batch: Array, momentum: float) -> Array:
    """Running statistics after one more batch; PyTorch's momentum is the weight of the new one."""
    return before * (1.0 - momentum) + batch * momentum


def _per_channel(grad: Array, normalised: Array) -> tuple[Array, Array]:
    xp = namespace(grad)
    flat = xp.reshape(grad, (grad.shape[0], -1))
    return vecdot(flat, xp.reshape(normalised, flat.shape)), xp.sum(flat, axis=1)


def _each(channel: Array) -> Array:
    """(c) to (c, 1, 1, 1)."""
    return channel[:, None, None, None]


# Squeeze and excitation (Hu et al. 2018, https://arxiv.org/abs/1709.01507, section 3): pool, and later scale.


def pool(x: Array) -> Array:
    """The mean over each map: (c, n, h, w) to (c, n)."""
    xp = namespace(x)
    return xp.mean(xp.reshape(x, (*x.shape[:2], -1)), axis=2)


def pool_backward(grad: Array, shape: tuple[int, ...]) -> Array:
    """Every pixel of a map gets the same: (c, n) to ``shape``, which is (c, n, h, w)."""
    even = grad[:, :, None, None] / (shape[2] * shape[3])
    return namespace(grad).broadcast_to(even, shape)


def scale(x: Array, gate: Array) -> Array:
    """Each map times its gate: (c, n, h, w) and (c, n)."""
    return x * gate[:, :, None, None]


def scale_input_gradient(grad: Array, gate: Array) -> Array:
    """The gradient of x."""
    return grad * gate[:, :, None, None]


def scale_gate_gradient(grad: Array, x: Array) -> Array:
    """The gradient of gate: (c, n)."""
    xp = namespace(x)
    rows = (*x.shape[:2], -1)
    return vecdot(xp.reshape(grad, rows), xp.reshape(x, rows))


# What training leaves out at random. A ``mask`` is drawn by imgcls.reference.masks: 0, or 1 / (share that is kept).


def stochastic_depth(x: Array, mask: Array) -> Array:
    """Leave out a whole branch, image by image: (c, n, h, w) and (n).

    Huang et al. 2016, https://arxiv.org/abs/1603.09382, section 3; what stays is scaled in training, as torchvision
    does in its mode "row".
    """
    return x * mask[None, :, None, None]


def stochastic_depth_backward(grad: Array, mask: Array) -> Array:
    """The gradient of x, which is zero for what was left out."""
    return grad * mask[None, :, None, None]


def dropout(x: Array, mask: Array) -> Array:
    """Leave out single numbers: two of any one shape (Srivastava et al. 2014, section 4)."""
    return x * mask


def dropout_backward(grad: Array, mask: Array) -> Array:
    """The gradient of x, which is zero for what was left out."""
    return grad * mask


# The classifier and its loss.


def linear(x: Array, weight: Array, bias: Array) -> Array:
    """(n, in), (out, in) and (out) to (n, out)."""
    return x @ namespace(x).matrix_transpose(weight) + bias


def linear_backward(grad: Array, x: Array, weight: Array) -> tuple[Array, Array, Array]:
    """The gradients of x, weight and bias."""
    xp = namespace(x)
    return grad @ weight, xp.matrix_transpose(grad) @ x, xp.sum(grad, axis=0)


def cross_entropy(logits: Array, targets: Array) -> tuple[Array, Array]:
    """The loss, and the logarithms of the probabilities, which the backward pass needs: () and (n, classes).

    logits, targets: (n, classes); targets are what :func:`shares` makes.
    """
    xp = namespace(logits)
    below = logits - xp.max(logits, axis=1, keepdims=True)
    logs = below - xp.log(xp.sum(xp.exp(below), axis=1, keepdims=True))
    return -xp.sum(targets * logs), logs


def cross_entropy_backward(targets: Array, logs: Array) -> Array:
    """The gradient of the logits, from the logarithms of their probabilities: both (n, classes)."""
    xp = namespace(logs)
    return xp.exp(logs) * xp.sum(targets, axis=1, keepdims=True) - targets


def shares(labels: Array, logits: Array, smoothing: float = 0.0, class_weights: Array | None = None) -> Array:
    """What share each image and class has in the loss: (n) class numbers to the (n, classes) of ``logits``.

    ``smoothing`` is spread evenly over the classes (Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7).
    ``class_weights``: (classes); the loss is then the weighted mean, by the weights of the labels, as in PyTorch.
    """
    xp = namespace(logits)
    n, classes = logits.shape
    is_label = xp.astype(labels[:, None] == xp.arange(classes)[None, :], logits.dtype)
    targets = is_label * (1.0 - smoothing) + smoothing / classes
    if class_weights is None:
        return targets / n
    return targets * class_weights[None, :] / xp.sum(is_label * class_weights[None, :])
