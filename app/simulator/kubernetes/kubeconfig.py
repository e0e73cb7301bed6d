"""A kubeconfig file that points a client at the simulator."""

import json
from pathlib import Path


def write(path: Path, endpoint: str, *, token: str | None = None, namespace: str = "default") -> Path:
    """Writes the file (JSON, which is YAML), readable by its owner alone, and returns its path."""
    context = {"cluster": "simulator", "user": "simulator", "namespace": namespace}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "simulator", "cluster": {"server": endpoint}}],
        "users": [{"name": "simulator", "user": {"token": token} if token else {}}],
        "contexts": [{"name": "simulator", "context": context}],
        "current-context": "simulator",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))
    return path
