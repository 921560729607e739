"""What runs on the inside: plain standard library, never imports the rest of vervet.

`__main__` is the warm interpreter every candidate is forked from. It confines itself first
(`confine`, `syscalls`), then forks one child for each check (`runner`), whose results leave as
plain data (`values`). Nothing in here knows an expected value.
"""
