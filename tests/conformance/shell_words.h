/* The words of a shell's command line, as far as scripts use them: quotes, `$((15*1024*1024))`, redirections
 * (left out), and what ends a command. */
#ifndef VITRINE_CONFORMANCE_SHELL_WORDS_H
#define VITRINE_CONFORMANCE_SHELL_WORDS_H

#include <stdbool.h>

#define WORD_MAX 256U

/* The next word of the command at `*at`, without its quotes; false: the command is over, and `*at` is at what
 * ended it (a line's end, `;`, `&`, `|`, `#`), or the word is too long. */
bool shell_word(const char **at, char word[WORD_MAX]);

/* Leaves out what may stand between two commands: white space, comments, `;`, `&`. */
void shell_between(const char **at);

#endif
