"""Model files to graphs; each module is ``read(path) -> Graph``."""
