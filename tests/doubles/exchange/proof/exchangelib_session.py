#!/usr/bin/python3
"""A session of python3-exchangelib, which nobody here wrote, against the Exchange double. Prints what it saw as JSON.

exchangelib_session.py URL USERNAME PASSWORD MAILBOX AUTH(basic|ntlm)
"""
import hashlib
import json
import os
import sys

from exchangelib import BASIC, NTLM, IMPERSONATION, Account, Build, Configuration, Credentials, Version

url, username, password, mailbox, auth = sys.argv[1:6]
config = Configuration(service_endpoint=url, credentials=Credentials(username, password), auth_type=NTLM if auth == "ntlm" else BASIC,
                       version=Version(Build(15, 1, 2507, 6)))
account = Account(mailbox, config=config, autodiscover=False, access_type=IMPERSONATION)

seen = {"folders": sorted(folder.name for folder in account.msg_folder_root.walk()), "total": account.inbox.total_count}
seen["digests"] = sorted(hashlib.sha256(item.mime_content).hexdigest() for item in account.inbox.all().only("mime_content"))
seen["subjects"] = sorted(item.subject or "" for item in account.inbox.all().only("subject"))

# Synchronising: everything is created first, and then only what has changed.
first = list(account.inbox.sync_items(only_fields=["subject", "is_read"]))
seen["first_sync"] = sorted({change for change, _ in first})
victim = account.inbox.all().only("changekey", "is_read")[0]
moved = victim.move(to_folder=account.trash)
second = [change for change, _ in account.inbox.sync_items(only_fields=["subject"])]
seen["second_sync"] = second
try:
    list(account.inbox.sync_items(sync_state="bm8gc3RhdGU=", only_fields=["subject"]))
    seen["foreign_state"] = "accepted"
except Exception as error:  # The library's own class for this code.
    seen["foreign_state"] = type(error).__name__
print(json.dumps(seen))
