package testcerts

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Set names the files that hold the certificates and keys, in PEM form.
type Set struct {
	CA                    string
	ServerCert, ServerKey string
	ClientCert, ClientKey string
}

// New makes a set in a folder. The names are those that the client's certificate and the
// server's are made for.
func New(dir, client string) (*Set, error) {
	ca, err := newPair(nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	})
	if err != nil {
		return nil, err
	}
	server, err := newPair(ca, &x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return nil, err
	}
	user, err := newPair(ca, &x509.Certificate{
		Subject: pkix.Name{CommonName: client}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	if err != nil {
		return nil, err
	}
	s := &Set{
		CA:         filepath.Join(dir, "ca.pem"),
		ServerCert: filepath.Join(dir, "server.pem"), ServerKey: filepath.Join(dir, "server.key"),
		ClientCert: filepath.Join(dir, "client.pem"), ClientKey: filepath.Join(dir, "client.key"),
	}
	for path, block := range map[string]*pem.Block{
		s.CA: ca.certificate(), s.ServerCert: server.certificate(), s.ServerKey: server.key, s.ClientCert: user.certificate(), s.ClientKey: user.key,
	} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, fmt.Errorf("write certificate: %w", err)
		}
	}
	return s, nil
}

// pair is a certificate with its key.
type pair struct {
	parsed *x509.Certificate
	signer crypto.Signer
	key    *pem.Block
}

func (p *pair) certificate() *pem.Block { return &pem.Block{Type: "CERTIFICATE", Bytes: p.parsed.Raw} }

// newPair makes a certificate that parent signs, or itself.
func newPair(parent *pair, template *x509.Certificate) (*pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	p := &pair{signer: key}
	if parent == nil {
		parent = &pair{parsed: template, signer: key}
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Minute), time.Now().Add(time.Hour)
	raw, err := x509.CreateCertificate(rand.Reader, template, parent.parsed, key.Public(), parent.signer)
	if err != nil {
		return nil, fmt.Errorf("make a certificate: %w", err)
	}
	if p.parsed, err = x509.ParseCertificate(raw); err != nil {
		return nil, fmt.Errorf("read a certificate: %w", err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	p.key = &pem.Block{Type: "PRIVATE KEY", Bytes: encoded}
	return p, nil
}
