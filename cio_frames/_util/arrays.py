"""Names for numpy arrays by what they hold, for signatures."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bools: TypeAlias = npt.NDArray[np.bool_]
Cells: TypeAlias = npt.NDArray[np.object_]
Ints: TypeAlias = npt.NDArray[np.int64]
UInts: TypeAlias = npt.NDArray[np.uint64]
