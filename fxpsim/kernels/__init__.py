"""The rules of :mod:`fxpsim.spec`, compiled.  The only folder that imports numba."""
