from collections.abc import Iterator

import pytest
from lab.host import LabHost


@pytest.fixture(params=["_engine", "_engine26"])
def lab_host(request: pytest.FixtureRequest) -> Iterator[LabHost]:
    """An Engine that binds single files from where the volume lies, and one that knows subpaths."""
    host: LabHost = request.getfixturevalue(request.param)
    yield host
    host.restore()
