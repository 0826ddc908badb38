/* The subcommands of `vitrine`, one file each. Each takes its own argument list (argv[0] is the
 * subcommand's name) and returns the exit status of the process.
 */
#ifndef VITRINE_APPS_COMMANDS_H
#define VITRINE_APPS_COMMANDS_H

#define VITRINE_VERSION "0.1.0"

int cmd_serve(int argc, char **argv);
int cmd_ca(int argc, char **argv);
int cmd_nc(int argc, char **argv);
int cmd_wire(int argc, char **argv);
int cmd_get(int argc, char **argv);
int cmd_explain(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_tell(int argc, char **argv);

#endif
