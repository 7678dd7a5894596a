"""Before anything is imported: threads that wait sleep, or two processes of tests on few cores spin against
each other; and an interrupt is heeded, which who was started in a script's background would ignore.
"""

import os
import signal

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
signal.signal(signal.SIGINT, signal.default_int_handler)
