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

from trainer.model.parts.accelerator import has_accelerator
from trainer.model.parts.order import after

Tensor = Any
TILE, PATCH = 4, 6  # sides of a tile of outputs, and of the inputs that it needs
# below, the transforms cost as much as they save
MIN_CHANNELS, MIN_CELLS = 128, 1024
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


def add_bias(cells: Tensor, bias: Tensor) -> Tensor:
    """Cells [B, N, C] + bias [C]; its gradient is summed before any other follows."""

    @ops.custom_gradient
    def add(cells: Tensor, bias: Tensor) -> tuple[Tensor, Any]:
        def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
            of_bias = ops.sum(upstream, axis=(0, 1))
            return after(upstream, of_bias), of_bias

        return cells + bias, gradient

    return add(cells, ops.convert_to_tensor(bias))


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
        self._batch = ops.shape(feature_maps[0])[0]
        in_tiles = np.concatenate(tiles, axis=1)
        # the cell at each place of each tile's inputs and outputs: [P, B, T]
        self._patches = self._of_images(np.concatenate(patches, axis=1))
        self._tiles = self._of_images(in_tiles)
        # the place of each cell in the flattened tiles: [B, N]
        rows, columns = np.divmod(
            np.argsort(in_tiles.ravel(), kind="stable")[:first], in_tiles.shape[1]
        )
        images = ops.arange(self._batch, dtype="int32")[:, None]
        rows = rows.astype("int32") * self._batch + images
        self._places = rows * in_tiles.shape[1] + columns.astype("int32")

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
        channels, outputs = kernel.shape[2:]

        def transformed_kernels(kernel: Tensor) -> Tensor:
            kernels = ops.matmul(FROM_KERNEL, ops.reshape(kernel, (9, -1)))
            return ops.reshape(kernels, (PATCH**2, channels, outputs))

        @ops.custom_gradient
        def convolve(cells: Tensor, kernel: Tensor) -> tuple[Tensor, Any]:
            inputs = self._transformed(cells, self._patches, FROM_INPUTS)
            kernels = transformed_kernels(after(kernel, inputs))
            products = ops.matmul(inputs, kernels)

            def gradient(upstream: Tensor) -> tuple[Tensor, Tensor]:
                # both transforms once more: to keep them takes 2.25 maps a convolution
                products = self._transformed(upstream, self._tiles, TO_OUTPUTS.T)
                inputs = self._transformed(
                    after(cells, products), self._patches, FROM_INPUTS
                )
                of_kernels = ops.matmul(ops.transpose(inputs, (0, 2, 1)), products)
                of_kernel = ops.matmul(
                    FROM_KERNEL.T, ops.reshape(of_kernels, (PATCH**2, -1))
                )
                kernels = transformed_kernels(after(kernel, of_kernel))
                of_inputs = ops.matmul(products, ops.transpose(kernels, (0, 2, 1)))
                return (
                    self._summed(of_inputs),
                    ops.reshape(of_kernel, kernel.shape),
                )

            return self._outputs(products), gradient

        return convolve(cells, ops.convert_to_tensor(kernel))

    def _transformed(
        self, cells: Tensor, places: Tensor, matrix: NDArray[np.float32]
    ) -> Tensor:
        """Cells [B, N, C] -> [36, B * T, C], those at `places` times a matrix."""
        # a last cell of zeros, which is what lies outside of the maps
        padded = ops.pad(cells, ((0, 0), (0, 1), (0, 0)))
        flat = ops.reshape(padded, (-1, cells.shape[-1]))
        gathered = ops.take(flat, places, axis=0)
        product = ops.matmul(matrix, ops.reshape(gathered, (matrix.shape[1], -1)))
        return ops.reshape(product, (PATCH**2, -1, cells.shape[-1]))

    def _outputs(self, products: Tensor) -> Tensor:
        """Products [36, B * T, O] -> cells [B, N, O]."""
        tiled = ops.matmul(TO_OUTPUTS, ops.reshape(products, (PATCH**2, -1)))
        flat = ops.reshape(tiled, (-1, products.shape[-1]))
        return ops.take(flat, self._places, axis=0)

    def _summed(self, of_inputs: Tensor) -> Tensor:
        """The adjoint of the patches' transform: [36, B * T, C] -> [B, N, C]."""
        channels = of_inputs.shape[-1]
        of_patches = ops.matmul(FROM_INPUTS.T, ops.reshape(of_inputs, (PATCH**2, -1)))
        summed = ops.segment_sum(
            ops.reshape(of_patches, (-1, channels)),
            ops.reshape(self._patches, (-1,)),
            num_segments=self._batch * (sum(self.cells) + 1),
        )
        return ops.reshape(summed, (self._batch, -1, channels))[:, :-1]

    def _of_images(self, places: NDArray[Any]) -> Tensor:
        """Places [P, T] of one image's cells -> [P, B, T], of all images'."""
        images = ops.arange(self._batch, dtype="int32")[None, :, None]
        return places.astype("int32")[:, None, :] + images * (sum(self.cells) + 1)


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
