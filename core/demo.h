/* `moongate demo`: the gateway and both demo backends, each a process of its own, ended together.
 */
#ifndef GW_DEMO_H
#define GW_DEMO_H

/* `argv` holds the flags after "demo": --inventory-port and --pricing-port are its own, the others
 * are the gateway's; without SCRIPTS_DIR among them, `scripts_dir` is used. Returns the exit code:
 * 2, with one line, for a bad flag. */
int gw_demo_run(int argc, char **argv, const char *scripts_dir);

#endif
