"""Delete what was set aside in the folders that are its arguments; a process of its own."""

import sys

from wtman.execution.removal import empty


def main() -> None:
    for folder in sys.argv[1:]:
        empty(folder)


if __name__ == "__main__":
    main()
