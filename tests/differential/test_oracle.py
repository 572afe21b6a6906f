"""The oracle is never ours."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from tests.conftest import require
from tests.differential import oracle
from tests.support.server import Kind, our_command


def test_the_oracle_is_not_ours(request: pytest.FixtureRequest) -> None:
    require(Kind.ETCD34, request.config)
    found = oracle.find()
    assert found is not None
    print(found)
    assert found.version.startswith("etcd Version: 3.4.")


def test_control_ours_is_refused(tmp_path: Path) -> None:
    renamed = tmp_path / "etcd"
    shutil.copy(our_command(), renamed)
    linked = tmp_path / "linked"
    linked.symlink_to(our_command())
    for ours in (Path(our_command()), renamed, linked, Path(sys.executable), Path("etcd")):
        with pytest.raises((oracle.NotAnOracle, FileNotFoundError)):
            oracle.identify(ours)
