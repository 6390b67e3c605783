/* Tells who supervises the process how far it is, as sd_notify(3) does: systemd's Type=notify. It
 * says where to in NOTIFY_SOCKET; where nobody wants to know, nothing happens. */
#ifndef GW_BASE_NOTIFY_H
#define GW_BASE_NOTIFY_H

/* "READY=1" or "STOPPING=1". Never waits; what cannot be told is lost. */
void gw_notify(const char *state);

#endif
