-- One row, to be filled in.
INSERT INTO pesapal_credentials (consumer_key, consumer_secret)
SELECT '', '' WHERE NOT EXISTS (SELECT FROM pesapal_credentials);
