"""What a data directory has been used for: a member, a proxy, nothing yet."""

import os
from enum import Enum, auto
from pathlib import Path

from coreos_py.etcd.errors import StartError


class Content(Enum):
    """What is in it."""

    NOTHING = auto()
    # A folder for a member without its identity: somebody else's, or not finished. The engine knows which.
    UNFINISHED = auto()
    MEMBER = auto()
    PROXY = auto()


def member_folder(data_dir: str) -> Path:
    """Where a member keeps everything."""
    return Path(data_dir) / "member"


def proxy_folder(data_dir: str) -> Path:
    """Where a proxy keeps whom to ask."""
    return Path(data_dir) / "proxy"


def identity_file(data_dir: str) -> Path:
    """The file that a member's data directory has from its creation on. For `os.path.exists`, which takes a
    directory that it may not read for an empty one: the engine says what is wrong with it."""
    return member_folder(data_dir) / "identity"


def look(data_dir: str) -> Content:
    """What it has been used for. StartError when it cannot have been."""
    if os.path.exists(data_dir) and not os.path.isdir(data_dir):
        raise StartError(f"the data directory {data_dir} is not a directory: give another --data-dir")
    has_member = os.path.exists(member_folder(data_dir))
    has_proxy = os.path.exists(proxy_folder(data_dir))
    if has_member and has_proxy:
        raise StartError(
            f"invalid datadir {data_dir}: both member and proxy directories exist. Remove the one that this "
            "process is not to be; a member's holds its data"
        )
    if has_member:
        return Content.MEMBER if os.path.exists(identity_file(data_dir)) else Content.UNFINISHED
    return Content.PROXY if has_proxy else Content.NOTHING
