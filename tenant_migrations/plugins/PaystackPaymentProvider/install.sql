-- One row, to be filled in.
INSERT INTO paystack_credentials (secret_key, public_key)
SELECT '', '' WHERE NOT EXISTS (SELECT FROM paystack_credentials);
