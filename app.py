"""vLLM Inspector: the ASGI application, and the frame that every page stands in.

`streamlit run app.py` loads this file twice over: once as a module, to find `app`, and as a script
whenever a viewer's page runs.
"""

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from lib.ui import shell

if get_script_run_ctx(suppress_warning=True) is None:
    from starlette.middleware import Middleware

    from lib.ui.routes import routes
    from lib.ui.start import lifespan, prepare
    from lib.ui.wire import Headers

    prepare()
    app = st.App(__file__, lifespan=lifespan, routes=routes(), middleware=[Middleware(Headers)])
else:
    shell.draw()
