"""What a lab needs of the Linux host besides its engine: kernel settings, accept rules, links to network namespaces.

Everything here does its work where the process's rights allow, is idempotent and can be undone. What can't be done
raises OSError or HostError inside of this package; `HostSide` turns that into one warning for each kind of trouble.
"""
