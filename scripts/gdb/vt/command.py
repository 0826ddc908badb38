"""What the commands have in common."""

import gdb


class Command(gdb.Command):
    def __init__(self):
        super().__init__("vt " + self.name, gdb.COMMAND_STATUS)

    def invoke(self, argument, _from_tty):
        try:
            for line in self.lines(argument.strip()):
                print(line)
        except gdb.error as error:
            raise gdb.GdbError("vt %s: %s" % (self.name, error))
