package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"strings"
)

// TLSConfig has the certificates of a connection.
type TLSConfig struct {
	On         bool   // use TLS even without the fields below
	CA         string // paths of PEM files
	Cert       string
	Key        string
	ServerName string // name in the server's certificate, if it differs from the host

	variables string // prefix of the variables, for errors
}

// Enabled reports whether the connection uses TLS: On or another field is set.
func (c TLSConfig) Enabled() bool {
	return c.On || c.CA != "" || c.Cert != "" || c.Key != "" || c.ServerName != ""
}

// problems returns what is wrong with the certificate and its key together, unless found
// has a problem with either of them.
func (c TLSConfig) problems(found Problems) Problems {
	cert, key := c.variables+"CERT", c.variables+"KEY"
	for _, problem := range found {
		if strings.HasPrefix(problem, cert) || strings.HasPrefix(problem, key) {
			return nil
		}
	}
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return Problems{fmt.Sprintf("%s and %s: got one of them, want both or none", cert, key)}
	case c.Cert == "":
		return nil
	}
	if _, err := c.keyPair(); err != nil {
		return Problems{fmt.Sprintf("%s and %s: got a certificate and a key that do not belong together, want the key of the certificate", cert, key)}
	}
	return nil
}

// ClientConfig returns the TLS configuration of a client. The client's certificate is read
// again for each connection, so that a renewed one is used without a restart.
func (c TLSConfig) ClientConfig() (*tls.Config, error) {
	t := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := ReadFile(c.CA)
		if err != nil {
			return nil, fmt.Errorf("%sCA: got %q, %w", c.variables, c.CA, err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%sCA: %s holds no certificate in PEM form", c.variables, c.CA)
		}
	}
	if c.Cert == "" {
		return t, nil
	}
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := c.keyPair()
		if err != nil {
			return nil, fmt.Errorf("%sCERT and %sKEY: %w", c.variables, c.variables, err)
		}
		return pair, nil
	}
	_, err := t.GetClientCertificate(nil)
	return t, err
}

// keyPair reads the client's certificate and its key.
func (c TLSConfig) keyPair() (*tls.Certificate, error) {
	cert, err := ReadFile(c.Cert)
	if err != nil {
		return nil, fmt.Errorf("got %q, %w", c.Cert, err)
	}
	key, err := ReadFile(c.Key)
	if err != nil {
		return nil, fmt.Errorf("got %q, %w", c.Key, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	return &pair, err
}
