"""A verb of the broker with the packages that the image has, and no others: `python -m benchmarks.agent.as_image NAMES
VERB`, where NAMES are the modules that are not to be found, separated by commas.

What is installed for development is picked up by libraries that look for it (rich, kubernetes-validate), and would take
6 MB of the agent's that no installation pays.
"""

import sys


def main() -> None:
    """Run the verb."""
    sys.modules.update(dict.fromkeys(sys.argv.pop(1).split(",")))  # type: ignore[arg-type]
    from app.cli import main as verbs

    verbs(prog_name="clb-broker")


if __name__ == "__main__":
    main()
