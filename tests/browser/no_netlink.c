/* Preloaded into Chromium: it hears of no interface that comes or goes. Otherwise it gives up
 * whatever it is loading when one does (ERR_NETWORK_CHANGED), loopback or not, and on a machine
 * that also runs containers one does all the time. */
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol) {
    int (*real)(int, int, int);
    if (domain == AF_NETLINK) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    *(void **)&real = dlsym(RTLD_NEXT, "socket");
    return real(domain, type, protocol);
}
