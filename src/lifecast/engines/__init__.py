"""Where the transaction log lives, one file each: same query, same answer."""
