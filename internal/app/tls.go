package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
)

// TLSConfig says how to encrypt a connection, and how to prove who we are.
type TLSConfig struct {
	On         bool   // also without any of the following
	CA         string // paths of PEM files
	Cert       string
	Key        string
	ServerName string // to expect in the server's certificate, if not its host
}

func (c TLSConfig) wanted() bool {
	return c.On || c.CA != "" || c.Cert != "" || c.Key != "" || c.ServerName != ""
}

// problem says what does not fit together; prefix begins the names of the variables.
func (c TLSConfig) problem(prefix string) string {
	switch {
	case (c.Cert == "") != (c.Key == ""):
		return fmt.Sprintf("%sCERT and %sKEY: got one of them, want both or none", prefix, prefix)
	case c.Cert == "":
		return ""
	}
	if _, err := c.pair(); err != nil {
		return fmt.Sprintf("%sCERT and %sKEY: got a certificate and a key that do not belong together, want the key of the certificate", prefix, prefix)
	}
	return ""
}

// client makes the configuration of a connection. The client's certificate is read again
// for each, so that a new one is taken up by itself.
func (c TLSConfig) client(prefix string) (*tls.Config, error) {
	t := &tls.Config{ServerName: c.ServerName, MinVersion: tls.VersionTLS12}
	if c.CA != "" {
		pem, err := readText(c.CA)
		if err != nil {
			return nil, fmt.Errorf("%sCA: got %q, %w", prefix, c.CA, err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%sCA: %s holds no certificate in PEM form", prefix, c.CA)
		}
	}
	if c.Cert == "" {
		return t, nil
	}
	t.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := c.pair()
		if err != nil {
			return nil, fmt.Errorf("%sCERT and %sKEY: %w", prefix, prefix, err)
		}
		return pair, nil
	}
	_, err := t.GetClientCertificate(nil)
	return t, err
}

// pair reads the client's certificate and its key.
func (c TLSConfig) pair() (*tls.Certificate, error) {
	cert, err := readText(c.Cert)
	if err != nil {
		return nil, fmt.Errorf("got %q, %w", c.Cert, err)
	}
	key, err := readText(c.Key)
	if err != nil {
		return nil, fmt.Errorf("got %q, %w", c.Key, err)
	}
	pair, err := tls.X509KeyPair(cert, key)
	return &pair, err
}
