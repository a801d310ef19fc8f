"""Look after a release: its accounts; is every file as published; put right, and take back.

in:   releases/{release}/stage, releases/library; accounts_2019: the receipts that there are
out:  verify_2019  repair_2019  withdraw_2019        what they find is in releases/{release}/logs
      accounts_2019                                  releases/{release}/report/accounts.txt
"""

for release in RELEASES:

    rule:
        """Hold every file of the stage against its checksum; name each bad, missing, extra one."""
        name:
            f"verify_{release}"
        log:
            f"releases/{release}/logs/verify_release/verify.log",
        conda:
            "../envs/release.yaml"
        # Scaled down to the cores that a run has; --set-threads verify_2019=32 for more.
        threads: 8
        params:
            folder=f"releases/{release}",
            release=release,
            withdrawals=config["withdrawals"],
        script:
            "../scripts/verify_release.py"

    rule:
        """Put right what verify names: from the library, else from the site."""
        name:
            f"repair_{release}"
        log:
            f"releases/{release}/logs/repair_release/repair.log",
        localrule: True
        conda:
            "../envs/release.yaml"
        threads: 8
        resources:
            connections=1,
        params:
            release=release,
            earlier=earlier_than(release),
            source=SOURCE,
        script:
            "../scripts/repair_release.py"

    rule:
        """Tell how many posts are in each state and why, finished or not, and the year before."""
        name:
            f"accounts_{release}"
        log:
            f"releases/{release}/logs/accounts_release/accounts.log",
        localrule: True
        conda:
            "../envs/release.yaml"
        params:
            release=release,
            before=configuration.previous_of(config, release),
            buckets=lookup("buckets", within=config),
        script:
            "../scripts/accounts_release.py"

    rule:
        """Issue finished releases anew without the posts that are withdrawn on request."""
        name:
            f"withdraw_{release}"
        log:
            f"releases/{release}/logs/withdraw_release/withdraw.log",
        localrule: True
        conda:
            "../envs/release.yaml"
        threads: 8
        params:
            release=release,
            withdrawals=config["withdrawals"],
        script:
            "../scripts/withdraw_release.py"
