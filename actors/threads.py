"""How threads of one process wait for each other on CPUs that others use, too."""

PATIENT = {"GOMP_SPINCOUNT": "1000"}
"""Environment in which OpenMP's threads sleep where they would turn on the spot for a while (300,000 times if
nothing is said): where another process has the CPU, who is waited for comes no sooner by it."""
