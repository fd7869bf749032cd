-- Which SMS tell of a payment, and where in them its parts are.
INSERT INTO sms_parsing_rules (provider_name, template, pattern, sender_pattern)
VALUES
    (
        'M-Pesa (Vodacom MZ)',
        'Confirmado [transaction_ref]. [*] no valor de [amount] [*] com referencia [device_serial] [*]',
        '/Confirmado (?<transaction_ref>\w+)\..* no valor de (?<amount>[\d.,]+).* com referencia (?<device_serial>\S+)/su',
        '/M-?Pesa/i'
    ),
    (
        'e-Mola (Movitel MZ)',
        'ID da transacao [transaction_ref]. Transferiste [amount] para conta [sender_phone], [*] Conteudo: [device_serial]. [*]',
        '/ID da transacao (?<transaction_ref>[\w.]+)\. Transferiste (?<amount>[\d.,]+).* para conta (?<sender_phone>\d+),.* Conteudo: (?<device_serial>\w+)/su',
        '/e-?Mola/i'
    )
ON CONFLICT (provider_name) DO NOTHING;
