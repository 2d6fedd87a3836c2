"""The process that runs one notebook by papermill: `python -m` this module, with a run's folder.

How the notebook went is written into `outcome.json`, and never read out of the notebook: papermill
calls one that left by `sys.exit(0)` whole, though cells behind it did not run. The process ends,
and with it the kernel and what that started, when whoever started it does.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from alphapanda import files

JOB, OUTCOME, KERNEL = "job.json", "outcome.json", "kernel.pid"
EXECUTED, PAGE = "executed.ipynb", "executed.html"
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
LONGEST_REASON = 500


def main(folder: Path) -> None:
    """Run the notebook that a folder's job names, and write how it went."""
    threading.Thread(target=end_with_parent, args=(folder,), daemon=True).start()
    job = json.loads((folder / JOB).read_text(encoding="utf-8"))
    reason = execute(folder, job)
    trouble = make_page(folder)
    outcome = {"reason": reason or trouble}
    files.write_text(folder / OUTCOME, json.dumps(outcome))


def end_with_parent(folder: Path) -> None:
    """Wait until standard input ends, which its writer's death brings about; then kill all."""
    while os.read(0, 1):
        pass
    kill_kernel(folder)
    os._exit(1)


def kill_kernel(folder: Path) -> None:
    """Kill the process group of a run's kernel: the kernel, and what its cells have started."""
    with suppress(OSError, ValueError):  # there is none, or it is gone
        os.killpg(int((folder / KERNEL).read_text()), signal.SIGKILL)


def execute(folder: Path, job: dict[str, Any]) -> str:
    """Run the notebook and return what went wrong, nothing if nothing did."""
    papermill = importlib.import_module("papermill")
    dead = importlib.import_module("nbclient.exceptions").DeadKernelError
    failed = importlib.import_module("papermill.exceptions").PapermillExecutionError
    output = str(folder / EXECUTED).replace("{", "{{").replace("}", "}}")  # papermill fills paths
    notebook = str(job["notebook"]).replace("{", "{{").replace("}", "}}")
    try:
        nb = papermill.execute_notebook(
            notebook, output, job["parameters"], progress_bar=False, cwd=job["cwd"],
            kernel_manager_class=noting_manager(folder),
        )  # fmt: skip
    except failed as error:
        said = " ".join(COLOURS.sub("", f"{error.ename}: {error.evalue}").split())
        return f"cell [{error.exec_count}]: {said}"[:LONGEST_REASON]
    except dead:
        return f"the kernel died{in_cell(folder)}: killed, out of memory, or it left by os._exit"
    except Exception as error:  # noqa: BLE001 (told in the outcome)
        said = " ".join(COLOURS.sub("", f"{type(error).__name__}: {error}").split())
        return said[:LONGEST_REASON]
    return left_early(nb.cells)


def noting_manager(folder: Path) -> Any:
    """Return a manager of kernels that notes the process group of the one it starts."""
    manager: Any = importlib.import_module("jupyter_client.manager").AsyncKernelManager

    class Noting(manager):  # type: ignore[misc]
        """Starts a kernel, which leads a process group of its own."""

        async def _async_start_kernel(self, **options: Any) -> None:
            await super()._async_start_kernel(**options)
            files.write_text(folder / KERNEL, str(self.provisioner.pid))

        start_kernel = _async_start_kernel

    return Noting


def left_early(cells: list[Any]) -> str:
    """Return which cell left the kernel before the notebook's end, nothing if none did."""
    for cell in cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "error":
                number = cell.execution_count
                return (f"cell [{number}] left by {output.ename}: what follows it did not run; to "
                        "fail, raise an error")  # fmt: skip
    return ""


def in_cell(folder: Path) -> str:
    """Return which cell began last, by the notebook that papermill saved last.

    papermill calls every cell of a notebook whose kernel died `completed`, so only what began
    counts.
    """
    with suppress(OSError, ValueError, LookupError):
        cells = json.loads((folder / EXECUTED).read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        began = [cell for cell in code if cell["metadata"]["papermill"].get("start_time")]
        return f" in cell [{len(began)}]"
    return ""


def make_page(folder: Path) -> str:
    """Write the executed notebook as HTML; return what went wrong, nothing if nothing did."""
    try:
        exporter = importlib.import_module("nbconvert").HTMLExporter()
        text, _ = exporter.from_filename(str(folder / EXECUTED))
        files.write_text(folder / PAGE, text)
    except Exception as error:  # noqa: BLE001 (told in the outcome)
        return f"no {PAGE}: {type(error).__name__}: {error}"[:LONGEST_REASON]
    return ""


if __name__ == "__main__":
    main(Path(sys.argv[1]))
