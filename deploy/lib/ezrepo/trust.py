# SPDX-License-Identifier: Apache-2.0
"""What root believes: folders and files that are root's and that nobody else can replace or write, up to the root of
the file system. In a folder of somebody else, he would be root with the next command.
"""
import os
import pwd
import stat

from .errors import Failure

LINKS = 40


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"the user id {uid}"


def _fault(path: str, info: os.stat_result) -> str:
    """Why this one entry is not to be believed; "" when it is."""
    if info.st_uid != 0:
        return f"{path} belongs to {_owner(info.st_uid)}"
    if stat.S_ISLNK(info.st_mode) or (stat.S_ISDIR(info.st_mode) and info.st_mode & stat.S_ISVTX):
        return ""  # what root has in a sticky folder, as /tmp, stays what it is
    if info.st_mode & stat.S_IWOTH or (info.st_mode & stat.S_IWGRP and info.st_gid != 0):
        return f"{path} can be written by others than root"
    return ""


def fault(path: str) -> str:
    """Why root must not believe what this path leads to, whether it is there or not; "" when it may. Every folder and
    every link on the way counts."""
    left = os.path.abspath(path).split("/")[1:]
    at, links = "/", 0
    while True:
        try:
            info = os.lstat(at)
        except FileNotFoundError:
            return ""  # root makes it, in a folder that is believed
        except OSError as error:
            return f"{at}: {error.strerror}"
        found = _fault(at, info)
        if found:
            return found
        if stat.S_ISLNK(info.st_mode):
            links += 1
            if links > LINKS:
                return f"{path} leads through more than {LINKS} links"
            target = os.path.normpath(os.path.join(os.path.dirname(at), os.readlink(at)))
            left = target.split("/")[1:] + left
            at = "/"
        elif not left:
            return ""
        if left:
            at = os.path.join(at, left.pop(0))


def check(path: str) -> None:
    """A Failure when root, and only root is asked, must not act on it."""
    if os.geteuid() != 0:
        return
    found = fault(path)
    if found:
        raise Failure(f"{path}: root does not act on what others can change, and {found}; choose a place that is root's"
                      " alone (as in /var/lib), or be the user whose set it is")
