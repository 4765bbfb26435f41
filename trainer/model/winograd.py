"""3x3 convolutions by Winograd's algorithm, for training on a CPU.

A tile of 4x4 outputs takes 36 multiplications a channel pair where the direct form
takes 144 (Lavin and Gray 2016, F(4x4, 3x3)). TensorFlow's CPU kernels are direct, so
the wide convolutions train faster in this form: docs/training.md. The results are those
of the direct form to some 1e-5 of the largest, in float32.
"""

from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from trainer.accelerator import has_accelerator

Tensor = Any
TILE, PATCH = 4, 6  # sides of a tile of outputs, and of the inputs that it needs
# below, the transforms cost as much as the multiplications saved
MIN_CHANNELS, MIN_CELLS = 128, 256
# the matrices B', G and A' of Lavin and Gray's section 4.3, one side of a tile each
_INPUT: list[list[float]] = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_KERNEL: list[list[float]] = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
_OUTPUT: list[list[float]] = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]
# both sides at once, for flattened tiles
FROM_INPUTS = np.kron(_INPUT, _INPUT).astype("float32")  # [36, 36]
FROM_KERNEL = np.kron(_KERNEL, _KERNEL).astype("float32")  # [36, 9]
TO_OUTPUTS = np.kron(_OUTPUT, _OUTPUT).astype("float32")  # [16, 36]


def winograd_pays(features: Tensor) -> bool:
    """True for a large wide float32 map of known size where only a CPU computes."""
    _, height, width, channels = features.shape
    return (
        height is not None
        and width is not None
        and height * width >= MIN_CELLS
        and channels >= MIN_CHANNELS
        and keras.backend.standardize_dtype(features.dtype) == "float32"
        and not has_accelerator()
    )


class TiledMaps:
    """Feature maps [B, H_l, W_l, C] of static sizes, joined as cells [B, N, C].

    Joined, small maps cost no convolution of their own.
    """

    def __init__(self, feature_maps: list[Tensor]) -> None:
        self.shapes = [(x.shape[1], x.shape[2]) for x in feature_maps]
        self.cells = [height * width for height, width in self.shapes]
        patches, tiles, first = [], [], 0
        for (height, width), cells in zip(self.shapes, self.cells, strict=True):
            grid = first + np.arange(cells).reshape(height, width)
            # one cell of "same" padding, and on to the end of the last tile
            framed = np.pad(grid, (1, TILE + 1), constant_values=sum(self.cells))
            counts = (-(-height // TILE), -(-width // TILE))
            patches.append(_cut(framed, PATCH, counts))
            tiles.append(_cut(framed[1:, 1:], TILE, counts))
            first += cells
        # the cell at each place of each tile's inputs and outputs: [36, T], [16, T]
        self._patches = np.concatenate(patches, axis=1).astype("int32")
        self._tiles = np.concatenate(tiles, axis=1).astype("int32")
        # of each cell in the flattened tiles: [N]
        self._places = np.argsort(self._tiles.ravel(), kind="stable")[:first]

    def join(self, feature_maps: list[Tensor]) -> Tensor:
        """Maps -> cells, level by level and row by row."""
        return ops.concatenate(
            [
                ops.reshape(x, (ops.shape(x)[0], cells, x.shape[-1]))
                for x, cells in zip(feature_maps, self.cells, strict=True)
            ],
            axis=1,
        )

    def split(self, cells: Tensor) -> list[Tensor]:
        """The inverse of `join`."""
        # an empty rest comes last: TensorFlow cannot split into one part
        *parts, _ = ops.split(cells, np.cumsum(self.cells), axis=1)
        return [
            ops.reshape(x, (ops.shape(x)[0], *shape, cells.shape[-1]))
            for x, shape in zip(parts, self.shapes, strict=True)
        ]

    def convolve(self, cells: Tensor, kernel: Tensor) -> Tensor:
        """The "same" convolution with a kernel [3, 3, C, O] -> [B, N, O]."""

        @ops.custom_gradient
        def convolve(cells: Tensor, kernel: Tensor) -> tuple[Tensor, Any]:
            channels, outputs = kernel.shape[2:]
            kernels = ops.matmul(FROM_KERNEL, ops.reshape(kernel, (9, -1)))
            kernels = ops.reshape(kernels, (PATCH**2, channels, outputs))
            inputs = self._transformed(cells, self._patches, FROM_INPUTS)

            def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
                products = self._transformed(upstream, self._tiles, TO_OUTPUTS.T)
                of_inputs = ops.matmul(products, ops.transpose(kernels, (0, 2, 1)))
                of_kernels = ops.matmul(ops.transpose(inputs, (0, 2, 1)), products)
                of_kernel = ops.matmul(
                    FROM_KERNEL.T, ops.reshape(of_kernels, (PATCH**2, -1))
                )
                return (
                    self._summed(of_inputs, ops.shape(cells)[0]),
                    ops.reshape(of_kernel, kernel.shape),
                )

            tiled = self._outputs(ops.matmul(inputs, kernels), ops.shape(cells)[0])
            return tiled, gradient

        return convolve(cells, ops.convert_to_tensor(kernel))

    def _transformed(
        self, cells: Tensor, patches: NDArray[Any], matrix: NDArray[np.float32]
    ) -> Tensor:
        """Cells [B, N, C] -> [36, B * T, C], the patches times a matrix."""
        # a last cell of zeros, which is what lies outside of the maps
        padded = ops.pad(cells, ((0, 0), (0, 1), (0, 0)))
        gathered = ops.take(
            ops.reshape(padded, (-1, cells.shape[-1])),
            self._of_images(patches, ops.shape(cells)[0]),
            axis=0,
        )
        product = ops.matmul(matrix, ops.reshape(gathered, (len(patches), -1)))
        return ops.reshape(product, (PATCH**2, -1, cells.shape[-1]))

    def _outputs(self, products: Tensor, batch: Tensor) -> Tensor:
        """Products [36, B * T, O] -> cells [B, N, O]."""
        outputs, num_tiles = products.shape[-1], self._tiles.shape[1]
        tiled = ops.matmul(TO_OUTPUTS, ops.reshape(products, (PATCH**2, -1)))
        rows, columns = np.divmod(self._places.astype("int32"), num_tiles)
        images = ops.arange(batch, dtype="int32")[:, None]
        places = (rows * batch + images) * num_tiles + columns
        return ops.take(ops.reshape(tiled, (-1, outputs)), places, axis=0)

    def _summed(self, of_inputs: Tensor, batch: Tensor) -> Tensor:
        """The adjoint of the patches' transform: [36, B * T, C] -> [B, N, C]."""
        channels = of_inputs.shape[-1]
        of_patches = ops.matmul(FROM_INPUTS.T, ops.reshape(of_inputs, (PATCH**2, -1)))
        summed = ops.segment_sum(
            ops.reshape(of_patches, (-1, channels)),
            ops.reshape(self._of_images(self._patches, batch), (-1,)),
            num_segments=batch * (sum(self.cells) + 1),
        )
        return ops.reshape(summed, (batch, -1, channels))[:, :-1]

    def _of_images(self, patches: NDArray[Any], batch: Tensor) -> Tensor:
        """Indices [P, T] of one image's cells -> [P, B, T], of all images'."""
        images = ops.arange(batch, dtype="int32")[None, :, None]
        return patches[:, None, :] + images * (sum(self.cells) + 1)


def _cut(
    framed: NDArray[Any], size: int, counts: tuple[int, int]
) -> NDArray[np.integer[Any]]:
    """The size x size patches at every fourth row and column -> [size^2, T]."""
    rows, columns = counts[0] * TILE, counts[1] * TILE
    return np.stack(
        [
            framed[y : y + rows : TILE, x : x + columns : TILE].ravel()
            for y in range(size)
            for x in range(size)
        ]
    )
