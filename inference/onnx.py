"""The one place where onnxruntime is imported and its sessions are made."""

import os
from pathlib import Path
from typing import Any

# onnxruntime's Linux wheels report home unless told otherwise before the library is loaded: they open
# a database below ~/.cache and start a thread. `putenv`, for the library asks the C environment.
os.putenv("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime


def open_session(model: Path | bytes) -> Any:
    """An `InferenceSession` of the model in a file (with its external data beside it) or in bytes.

    One thread that never spins: what runs here shares its cores with the loop of the chat. Loading
    and running release the GIL. Raises what onnxruntime raises.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = (
        4  # an error is raised; warnings know nothing that our checks do not
    )
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(
        str(model) if isinstance(model, Path) else model,
        options,
        providers=["CPUExecutionProvider"],
    )
