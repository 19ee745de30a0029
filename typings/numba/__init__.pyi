# What lifecast uses of numba, which has no annotations: @njit keeps a kernel's signature, and so
# mypy checks the calls. What else lifecast comes to use of numba belongs here too.
from collections.abc import Callable
from typing import Any, TypeVar, overload

F = TypeVar("F", bound=Callable[..., Any])

@overload
def njit(function: F, /) -> F: ...
@overload
def njit(**options: Any) -> Callable[[F], F]: ...

prange = range

def get_num_threads() -> int: ...
def set_num_threads(n: int, /) -> None: ...
