"""EfficientNet from arrays: a text to read, an oracle that owes PyTorch nothing, and a network that trains.

Read in this order: :mod:`~imgcls.reference.architecture` (what is built), :mod:`~imgcls.reference.layers`,
:mod:`~imgcls.reference.convolution` and :mod:`~imgcls.reference.depthwise` (the formulas, each forward and backward),
:mod:`~imgcls.reference.unit`, :mod:`~imgcls.reference.block` and :mod:`~imgcls.reference.network` (how they are put
together), :mod:`~imgcls.reference.optimizers`. To train:

    >>> import numpy as np
    >>> from imgcls import reference
    >>> network = reference.build("efficientnet_small", seed=0)
    >>> generator = np.random.default_rng(0)
    >>> images, labels = generator.standard_normal((8, 3, 32, 32), dtype=np.float32), generator.integers(10, size=8)
    >>> state, losses = reference.State(), []
    >>> for _ in range(20):
    ...     masks = reference.draw(network.architecture, len(images), generator)
    ...     step = reference.step(network, images, labels, masks=masks, smoothing=0.1)
    ...     parameters, state = reference.nadam(network.parameters, step.gradients, state, reference.Nadam())
    ...     network = network._replace(parameters=parameters, statistics=step.statistics)
    ...     losses.append(float(step.loss))
    >>> losses[-1] < losses[0] / 2
    True
    >>> reference.predict(network, images).shape
    (8, 10)
"""

from imgcls.reference.architecture import VARIANTS, Architecture, Stage, scaled, variant
from imgcls.reference.masks import draw
from imgcls.reference.optimizers import Nadam, Sgd, State, nadam, sgd
from imgcls.reference.state import Network, Tree, flat, initialised, loaded, nested, recognised, shapes, state_dict
from imgcls.reference.training import Step, build, predict, step

__all__ = [
    "VARIANTS",
    "Architecture",
    "Nadam",
    "Network",
    "Sgd",
    "Stage",
    "State",
    "Step",
    "Tree",
    "build",
    "draw",
    "flat",
    "initialised",
    "loaded",
    "nadam",
    "nested",
    "predict",
    "recognised",
    "scaled",
    "sgd",
    "shapes",
    "state_dict",
    "step",
    "variant",
]
