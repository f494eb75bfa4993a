"""`python -m audit_nb` is `audit-nb`."""

from audit_nb.cli import main

main()
