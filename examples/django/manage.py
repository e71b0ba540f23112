#!/usr/bin/env python3
import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    if sys.argv[1:2] == ["test"]:
        # Tests need no secret: `docker run --rm IMAGE python manage.py test` is all that CI has to say.
        os.environ.setdefault("SECRET_KEY", "tests")
        os.environ.setdefault("DATABASE", ":memory:")
    execute_from_command_line(sys.argv)
