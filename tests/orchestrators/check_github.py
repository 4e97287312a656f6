"""The GitHub workflow: its commands run as GitHub runs them, and write the file that it uploads."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

from tests.orchestrators.day import DAY, EXAMPLES, check_example


def main():
    """Check the steps that are commands, but for the installation."""
    workflow = yaml.safe_load((EXAMPLES / "github_workflow.yml").read_text(encoding="utf-8"))
    steps = workflow["jobs"]["load"]["steps"]
    commands = [step["run"] for step in steps if "run" in step and not step["run"].startswith("pip install")]
    artifact = next(step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", ""))
    with tempfile.TemporaryDirectory() as folder:

        def run_day():
            exports = Path(folder) / "exports"
            exports.unlink(missing_ok=True)
            exports.symlink_to(os.environ["EXPORTS"])
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            environment = {**os.environ, "PATH": path, "DAY": DAY, "PAUSE": "0"}
            printed = ""
            for command in commands:
                shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", command]
                done = subprocess.run(shell, cwd=folder, env=environment, capture_output=True, text=True)
                printed += done.stdout
                if done.returncode:
                    raise SystemExit(f"GitHub workflow: a step failed.\n{done.stdout}{done.stderr}")
            if "20,000" not in (Path(folder) / artifact).read_text(encoding="utf-8"):
                raise SystemExit(f"GitHub workflow: {artifact} is not the report of the load")
            return printed.count("Results: ")

        check_example("GitHub workflow", run_day)


if __name__ == "__main__":
    main()
