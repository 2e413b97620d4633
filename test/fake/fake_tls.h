/*
 * A TLS server for tests with a self-signed certificate that is made when it starts. It listens on the
 * loopback, answers any request with 200 and "over TLS", and closes.
 */
#ifndef TEST_FAKE_TLS_H
#define TEST_FAKE_TLS_H

struct fake_tls;

/*
 * names: what the certificate is for, as "IP:127.0.0.1" or "DNS:example.org". It is valid from now on plus
 * from_s, up to now plus until_s. It is written to pem_path, for clients.
 */
struct fake_tls *fake_tls_start(const char *names, int from_s, int until_s, const char *pem_path);
void fake_tls_stop(struct fake_tls *s);
const char *fake_tls_url(const struct fake_tls *s); /* "https://127.0.0.1:1234" */

#endif
