"""Before anything is imported: threads that wait sleep, or two processes of tests on few cores spin against
each other."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
