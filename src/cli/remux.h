/* Turns a fragmented MP4 file into an ordinary one, without encoding anew. */
#ifndef AC_CLI_REMUX_H
#define AC_CLI_REMUX_H

/*
 * Reads `from`, writes `to` with its index in front (players seek in it, and browsers begin before it is
 * loaded). AC_EIO, AC_ENOMEM, with a sentence in reason (256 bytes); what stands in `to` is then of no use.
 */
int ac_remux(const char *from, const char *to, char *reason);

#endif
