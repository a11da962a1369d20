#!/usr/bin/perl
# A worker in Perl, as rdbench/worker_protocol.md describes one: samples less their lowest bits,
# packed in runs. Its codec has one parameter, the bits that are kept.
use strict;
use warnings;
use JSON::PP;

binmode STDIN;
binmode STDOUT;

sub take {
    my ($size) = @_;
    my $data = "";
    while (length($data) < $size) {
        my $count = sysread(STDIN, $data, $size - length($data), length($data));
        exit 0 unless $count;
    }
    return $data;
}

sub give {
    my ($header, $payload) = @_;
    my $text = JSON::PP->new->canonical->encode($header);
    my $data = pack("a4 L< Q<", "RDBW", length($text), length($payload)) . $text . $payload;
    my $done = 0;
    while ($done < length($data)) {
        my $count = syswrite(STDOUT, $data, length($data) - $done, $done);
        exit 1 unless defined $count;
        $done += $count;
    }
}

my %points;

sub encode {
    my ($bits, $shape, $samples) = @_;
    my $mask = (0xFF << (8 - $bits)) & 0xFF;
    my @table = map { chr($_ & $mask) } 0 .. 255;
    $samples =~ s/(.)/$table[ord($1)]/gs;
    my $stream = pack("S<3", @$shape);
    # Each run is its length, up to 255, and its sample.
    while ($samples =~ /\G((.)\g{2}{0,254})/gs) {
        $stream .= chr(length($1)) . $2;
    }
    return $stream;
}

sub decode {
    my ($stream) = @_;
    die { kind => "BitstreamError", message => "it is too short" } if length($stream) < 6;
    my @shape = unpack("S<3", $stream);
    die { kind => "BitstreamError", message => "it has no samples" } if grep { !$_ } @shape;
    my $samples = "";
    for (my $at = 6; $at + 1 < length($stream); $at += 2) {
        $samples .= substr($stream, $at + 1, 1) x ord(substr($stream, $at, 1));
    }
    my $wanted = $shape[0] * $shape[1] * $shape[2];
    die { kind => "BitstreamError", message => length($samples) . " samples, not $wanted" }
        if length($samples) != $wanted;
    return (\@shape, $samples);
}

sub answer {
    my ($request, $payload) = @_;
    my $do = $request->{do};
    if ($do eq "load") {
        return {
            name => "runs", parameter => "bits", ladder => [2, 4, 8], point_range => [1, 8],
            integer_points => JSON::PP::true, lossless => JSON::PP::false,
            version => "runs 1.0 (Perl $^V)",
        }, "";
    }
    if ($do eq "open") {
        $points{$request->{instance}} = $request->{point};
        return {}, "";
    }
    if ($do eq "close") {
        delete $points{$request->{instance}};
        return {}, "";
    }
    if ($do eq "encode") {
        return {}, encode($points{$request->{instance}}, $request->{shape}, $payload);
    }
    if ($do eq "decode") {
        my ($shape, $samples) = decode($payload);
        return { shape => [map { $_ + 0 } @$shape], dtype => "uint8" }, $samples;
    }
    die "unknown request $do\n";
}

give({ protocol => 1, worker => "Perl $^V", pid => $$ }, "");
while (1) {
    my ($magic, $header_bytes, $payload_bytes) = unpack("a4 L< Q<", take(16));
    exit 1 if $magic ne "RDBW";
    my $request = decode_json(take($header_bytes));
    my $payload = take($payload_bytes);
    my ($header, $data) = eval { answer($request, $payload) };
    if (my $error = $@) {
        $error = { kind => "", message => "$error" } unless ref $error;
        ($header, $data) = ({ error => $error }, "");
    }
    give($header, $data);
}
