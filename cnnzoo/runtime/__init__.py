"""Runtime services: seeds, determinism, files, interrupts and the console."""
