"""How fast, compared with what else there is: ``make bench``. Nothing here is part of ``make test``."""
