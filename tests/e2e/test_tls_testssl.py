# SPDX-License-Identifier: MIT
"""testssl.sh looks at the running server: it finds nothing to blame but what the test is made of.

The scan begins with the session (conftest.py) and these tests come last.
"""
import json

import pytest

from lib import net, tls
from lib.testssl import PARTS

GOOD = ("OK", "INFO")
# A certificate of an authority that nobody knows, for the loopback address, and the scanner's own
# openssl: what comes of these says nothing about the server.
OF_THE_TEST = ("cert_chain_of_trust", "cert_trust", "cert_revocation", "cert_ocspRevoked", "cert_crl",
               "cert_caIssuers", "DNS_CAArecord", "OCSP_stapling", "cert_notAfter",
               "cert_extlifeSpan", "cert_expirationStatus", "certificate_transparency",
               "engine_problem",
               # Its client leaves at once; whether a ticket has reached it by then is chance.
               "sessionresumption")


@pytest.mark.timeout(300 * net.SLOW)
@pytest.mark.parametrize("part", PARTS)
def test_nothing_to_blame(scan, part):
    blamed = [entry for entry in scan.report(part) if entry["severity"] not in GOOD and
              not entry["id"].startswith(OF_THE_TEST)]
    assert not blamed, json.dumps(blamed, indent=1)
    assert tls.ask(scan.joist.port).response.body == b"x"
