"""Saved boosters, asked through the libraries' own C interfaces.

The Python packages of LightGBM and XGBoost import scikit-learn, and with it scipy.stats: over a second before a judge's
first verdict. Their libraries need none of that, and a call for one battle is shorter. What is rarer, such as writing
a booster again, is left to the packages.
"""

import ctypes
import json
from collections.abc import Callable
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.battles.arrays import Floats, Floats32

CLASSES = 3
_FLOAT32, _BY_ROW = 0, 1
_RAW, _CONTRIBUTIONS = 1, 3
"""Numbers of LightGBM's interface: kinds of numbers and matrices, and of what is predicted."""
_MARGIN, _SHARES = 1, 2
"""Kinds of predictions in XGBoost's interface."""
FEW_ROWS = 512
"""Up to so many rows are predicted by one thread: threads that wait for one another take longer."""


class NativeLightGBM:
    """A LightGBM model that was read from its text.

    Parameters
    ----------
    text : str
        A model that `lightgbm_text.canonical_text` has checked: the library takes it on trust.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._library = _library("lightgbm", "lib_lightgbm")
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int(0)
        data = text.encode()
        self._call("BoosterLoadModelFromString", data, ctypes.byref(iterations), ctypes.byref(self._handle))

    def __reduce__(self) -> tuple[Any, ...]:
        """Read it anew in another process."""
        return NativeLightGBM, (self.text,)

    def raw(self, values: Floats32) -> Floats:
        """Return (n, 3) sums of the trees for (n, p) features."""
        return self._predict(values, _RAW, CLASSES).reshape(len(values), CLASSES)

    def contributions(self, values: Floats32) -> Floats:
        """Return (n, p + 1, 3): what each feature adds to each sum by TreeSHAP, then the base."""
        flat = self._predict(values, _CONTRIBUTIONS, CLASSES * (values.shape[1] + 1))
        return flat.reshape(len(values), CLASSES, -1).transpose(0, 2, 1)

    @cached_property
    def full(self) -> Any:
        """The booster of the Python package."""
        import lightgbm

        return lightgbm.Booster(model_str=self.text)

    def _predict(self, values: Floats32, kind: int, width: int) -> Floats:
        values = np.ascontiguousarray(values, dtype=np.float32)
        rows, columns = values.shape
        found = np.empty(rows * width, dtype=np.float64)
        count = ctypes.c_int64(0)
        if rows:
            self._call(
                "BoosterPredictForMat",
                self._handle,
                ctypes.c_void_p(values.ctypes.data),
                ctypes.c_int(_FLOAT32),
                ctypes.c_int32(rows),
                ctypes.c_int32(columns),
                ctypes.c_int(_BY_ROW),
                ctypes.c_int(kind),
                ctypes.c_int(0),  # from the first tree
                ctypes.c_int(-1),  # to the last
                b"num_threads=1" if rows <= FEW_ROWS else b"",
                ctypes.byref(count),
                ctypes.c_void_p(found.ctypes.data),
            )
            if count.value != len(found):
                raise RuntimeError("LightGBM gave another number of predictions")
        return found

    def _call(self, name: str, *arguments: Any) -> None:
        if getattr(self._library, f"LGBM_{name}")(*arguments) != 0:
            raise RuntimeError(_told(self._library.LGBM_GetLastError))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.LGBM_BoosterFree(self._handle)


class NativeXGBoost:
    """An XGBoost model that was read from its UBJSON, asked by one thread.

    Parameters
    ----------
    data : bytes
        A model that `xgboost_model.check_model` has checked.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self._library = _library("xgboost", "libxgboost")
        self._handle = ctypes.c_void_p()
        self._call("BoosterCreate", None, ctypes.c_uint64(0), ctypes.byref(self._handle))
        self._call("BoosterLoadModelFromBuffer", self._handle, data, ctypes.c_uint64(len(data)))
        # Threads that wait for one another take longer than one verdict does; of many rows the trees take a small part.
        self._call("BoosterSetParam", self._handle, b"nthread", b"1")

    def __reduce__(self) -> tuple[Any, ...]:
        """Read it anew in another process."""
        return NativeXGBoost, (self.data,)

    def raw(self, values: Floats32) -> Floats:
        """Return (n, 3) sums of the trees for (n, p) features."""
        if not len(values):
            return np.empty((0, CLASSES))
        values = np.ascontiguousarray(values, dtype=np.float32)
        settings = _settings(type=_MARGIN, missing=float("nan"), cache_id=0)
        return self._found("BoosterPredictFromDense", _interface(values), settings, ctypes.c_void_p())

    def contributions(self, values: Floats32) -> Floats:
        """Return (n, p + 1, 3): what each feature adds to each sum by TreeSHAP, then the base."""
        values = np.ascontiguousarray(values, dtype=np.float32)
        matrix = ctypes.c_void_p()
        missing = json.dumps({"missing": float("nan"), "nthread": 1}).encode()
        self._call("DMatrixCreateFromDense", _interface(values), missing, ctypes.byref(matrix))
        try:
            found = self._found("BoosterPredictFromDMatrix", matrix, _settings(type=_SHARES))
        finally:
            self._call("DMatrixFree", matrix)
        return found.transpose(0, 2, 1)

    @cached_property
    def full(self) -> Any:
        """The booster of the Python package."""
        import xgboost

        booster = xgboost.Booster(model_file=bytearray(self.data))
        booster.set_param({"nthread": 1})
        return booster

    def _found(self, name: str, *arguments: Any) -> Floats:
        shape, numbers = ctypes.POINTER(ctypes.c_uint64)(), ctypes.POINTER(ctypes.c_float)()
        axes = ctypes.c_uint64()
        self._call(name, self._handle, *arguments, ctypes.byref(shape), ctypes.byref(axes), ctypes.byref(numbers))
        # The memory is the library's, and is written to again by the thread's next call.
        return np.ctypeslib.as_array(numbers, tuple(shape[: axes.value])).astype(np.float64)

    def _call(self, name: str, *arguments: Any) -> None:
        if getattr(self._library, f"XG{name}")(*arguments) != 0:
            raise RuntimeError(_told(self._library.XGBGetLastError))

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self._library.XGBoosterFree(self._handle)


def packaged(booster: Any) -> Any:
    """Return a booster as the Python package has it, whether it was trained here or read."""
    return booster.full if isinstance(booster, NativeLightGBM | NativeXGBoost) else booster


def _settings(**more: Any) -> bytes:
    common = {"training": False, "iteration_begin": 0, "iteration_end": 0, "strict_shape": False}
    return json.dumps({**common, **more}).encode()


def _interface(values: Floats32) -> bytes:
    """Describe an array to XGBoost, by NumPy's array interface as JSON."""
    about = values.__array_interface__
    return json.dumps({name: about[name] for name in ("data", "shape", "typestr", "version", "strides")}).encode()


def _told(last: Callable[[], Any]) -> str:
    last.restype = ctypes.c_char_p  # type: ignore[attr-defined]
    said: bytes = last() or b""
    return said.decode("utf-8", "replace")


@cache
def _library(package: str, name: str) -> ctypes.CDLL:
    """Return a package's library without importing the package, or through it where it lies elsewhere."""
    found = find_spec(package)
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        for path in sorted((Path(folder) / "lib").glob(f"{name}.*")):
            return ctypes.CDLL(str(path))
    if package == "lightgbm":
        from lightgbm.libpath import _LIB
    else:
        from xgboost.core import _LIB
    return _LIB
