"""A Helm for tests that want one: each of them in turn."""

import pytest

from .charts import helms


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "program" in metafunc.fixturenames:
        found = helms()
        missing = pytest.param("", marks=pytest.mark.skip(reason="there is no helm: install one, or name it in HELM"))
        numbers = [f"helm{number}" for number in range(1, len(found) + 1)]
        metafunc.parametrize("program", found or [missing], ids=numbers if found else ["helm"])
